"""What a project of somebody's own adds: an app with a receiver of each signal, and two functions by dotted path."""

#: The environment variable that names the journal. Here, as importing `receivers` would connect them in the tests.
JOURNAL = "OWN_PROJECT_JOURNAL"
