"""The fault suite: everything that can fail is made to, and what two imitated outsiders saw decides (`make faults`)."""
