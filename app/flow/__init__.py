"""One module per arrow of the two flows. A step is one coroutine whose collaborators are keyword arguments; it knows no
HTTP, no NATS message and no settings object, and calls no other step.
"""
