"""Values shared by every room: names, instants, what is deployed, what is published."""
