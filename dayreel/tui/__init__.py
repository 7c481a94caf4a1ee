"""The terminal face: screens over the same services as every other face (`dayreel tui`).

What a screen shows is `views`; the screens only lay it out and hand what a person said to a service. Nothing here
changes state by itself, and nothing here waits for a database or a vendor on the thread that draws.
"""
