"""Talk to the system: atomic files, devices, facts about the machine."""
