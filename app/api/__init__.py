"""The HTTP entrance: thin handlers, struct in, one step, struct out."""
