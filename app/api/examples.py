"""What the OpenAPI document shows as examples of answers."""

from pydantic.config import JsonDict

EXAMPLE_TASK_ID = "01KAPM5T7VNB1C8R3E9ZQ4XWJ2"

EXAMPLE_TASK: JsonDict = {
    "task_id": EXAMPLE_TASK_ID,
    "state": "completed",
    "priority": "normal",
    "attempts": 1,
    "created_at": "2026-11-22T12:00:00.000Z",
    "updated_at": "2026-11-22T12:00:01.204Z",
    "started_at": "2026-11-22T12:00:00.009Z",
    "finished_at": "2026-11-22T12:00:01.204Z",
    "expires_at": None,
    "progress": {"segments_done": 1, "segments_total": 1, "audio_seconds": 1.4, "eta_seconds": None},
    "item_count": 1,
    "items": [
        {
            "index": 0,
            "state": "completed",
            "text": "Nothing is lost.",
            "text_characters": 16,
            "text_truncated": False,
            "voice": "espeak-en-us",
            "speed": 1.0,
            "volume": 1.0,
            "format": "wav",
            "lexicon": None,
            "metadata": {},
            "audio": {
                "url": f"/tasks/{EXAMPLE_TASK_ID}/items/0/audio",
                "format": "wav",
                "duration_seconds": 1.4,
                "bytes": 61784,
                "sample_rate": 22050,
                "sha256": "5f8b1a0e3c1d4f7f6f0c1b9d2a7e4c38b6e1d0f9a2c3b4d5e6f708192a3b4c5d",
            },
            "captions": {
                "srt": f"/tasks/{EXAMPLE_TASK_ID}/items/0/captions.srt",
                "vtt": f"/tasks/{EXAMPLE_TASK_ID}/items/0/captions.vtt",
                "json": f"/tasks/{EXAMPLE_TASK_ID}/items/0/captions.json",
            },
            "dropped": [],
            "error": None,
        }
    ],
    "book": None,
    "error": None,
    "links": {
        "self": f"/tasks/{EXAMPLE_TASK_ID}",
        "audio": f"/tasks/{EXAMPLE_TASK_ID}/audio",
        "events": f"/tasks/{EXAMPLE_TASK_ID}/events",
    },
}
