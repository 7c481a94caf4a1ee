"""The desk: how people meet dayreel in a browser, and the front door to Dagster's own pages.

`app` assembles it, `pages` holds one module a page, `sessions` and `forms` say who may send what, `live` streams,
`media` serves files, `dagster_proxy` lets people through to Dagster. What a page shows is worked out by
`dayreel.services`.
"""
