"""Deliberate bugs, to see that the judge bites. Loaded into the processes of a run only, by EXTRA_APPS."""

#: The environment variable that names the bug.
BUG = "FAULT_BUG"

#: What a bug changes in the tables before the program starts.
SCHEMA = {"lease-twice": "alter table smsbridge_lease drop constraint lease_phone_number"}
