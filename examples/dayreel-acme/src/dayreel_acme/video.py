"""Acme's generated video: a job per segment, followed by its id."""

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dayreel.providers.video.contract import Job, Lookup, SegmentRequest
from dayreel.providers.video.model_input import check_request
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.record import Vendor
from dayreel_acme.api import KEY, Acme

MODELS = (
    {
        "model": "acme-1",
        "family": "video",
        "prompt_limit": 2500,
        "durations_s": [5, 10],
        "resolutions": ["480p", "720p"],
        "price": {"per_second_usd": "0.02"},
        "source": "https://acme.example/prices",
        "checked_on": "2026-11-30",
    },
)
"""Rows as in dayreel's `models.yaml`."""


class AcmeVideo:
    """Generated video."""

    name = "acme_video"

    def __init__(self, api: Acme, models: ModelList) -> None:
        """Take Acme's API, and what each model takes."""
        self._api = api
        self._models = models

    def check(self, request: SegmentRequest) -> None:
        """Refuse what the model cannot make."""
        check_request(request, self._models.video(self.name, request.model))

    def submit(self, permit: Permit, request: SegmentRequest) -> dict[str, Any]:
        """Submit once and return the handle. See the contract for the errors."""
        attempted = f"submit segment {permit.key.sequence} of {permit.key.content_id} to Acme"
        json = {"model": request.model, "prompt": request.prompt, "seconds": request.duration_s}
        json["reference"] = _reference(permit.key)
        return {"request_id": self._api.begin("/jobs", attempted=attempted, json=json), "model": request.model}

    def follow(self, handle: dict[str, Any]) -> Job:
        """Return where the job stands."""
        path = f"/jobs/{handle['request_id']}"
        job = self._api.call("GET", path, attempted="follow a job of Acme", has_side_effects=False).document()
        return Job("done" if job.get("file") else "running", file_url=job.get("file"))

    def find(self, key: EffectKey, request: SegmentRequest, *, sent_at: datetime) -> Lookup:  # noqa: ARG002  the contract's
        """Look for jobs with our reference. Acme lists a job before it answers, so none there means none."""
        reference = _reference(key)
        path = f"/jobs?reference={quote(reference, safe='')}"
        jobs = self._api.call("GET", path, attempted="look for a job of Acme", has_side_effects=False).document()
        handles = tuple({"request_id": str(id_), "model": request.model} for id_ in jobs["ids"])
        return Lookup(handles, proves_absence=True, evidence=f"Acme lists {len(handles)} jobs as {reference}")

    def fetch(self, url: str, dest: Path) -> None:
        """Download the finished file."""
        self._api.http.download(url, dest, attempted="fetch a segment from Acme")

    def cancel(self, _handle: dict[str, Any]) -> bool:
        """Say no: a job of Acme cannot be stopped."""
        return False


def _reference(key: EffectKey) -> str:
    return f"{key.content_id}/{key.sequence}/{key.fingerprint[:12]}"


def connect(access: Access) -> AcmeVideo:
    """Return Acme's video of this world; needs ACME_KEY."""
    return AcmeVideo(Acme(access), ModelList(access.root))


VENDOR = Vendor(
    name="acme_video",
    label="Acme Video",
    family="video",
    about="Generated video from Acme.",
    connect=connect,
    settings=(KEY,),
    can=("video from text", "follows by id", "looks up lost requests"),
    where_to_look="acme.example, Jobs",
    models=MODELS,
    stand_in="dayreel_acme.stand_in:video",
)
