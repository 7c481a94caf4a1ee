"""What people, sensors and services look at: one module per question, each answer a frozen shape.

A query reads the catalog, the content folders and the channel files through `records.Records`. It writes nothing, calls
no vendor, and knows neither HTTP nor terminals. Faces only format what they get here; what changes state is a service.
"""
