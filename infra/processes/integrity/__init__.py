"""What is done about the store itself: looked at daily; an older copy accepted by two persons."""
