"""Write files whole, choose devices, read facts about the machine."""
