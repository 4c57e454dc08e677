"""What becomes of a trigger: who gets it, what it says, when it is delivered, and what the activity tells of it."""
