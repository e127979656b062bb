"""What a project of somebody's own adds: an app with a receiver of each signal, and two functions by dotted path."""
