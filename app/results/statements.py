"""The statements that every change to a task is made of, built once, at import.

Parameters that begin with `b_` say which row; the others are the columns to set.
"""

from sqlalchemy import bindparam, insert, or_, select, update

from app.domain.states import UNFINISHED
from app.domain.tasks import SegmentState
from app.results.models import books, items, segments, tasks, texts, transitions

ADD_TASK, ADD_ITEM, ADD_TEXT, ADD_SEGMENT, ADD_BOOK, ADD_TRANSITION = (
    insert(table) for table in (tasks, items, texts, segments, books, transitions)
)
HEAD = (
    select(
        *(tasks.c[name] for name in ("id", "state", "run", "attempts", "version", "started_at", "finished_at", "error"))
    )
    .where(tasks.c.id == bindparam("task_id"))
    .with_for_update()  # SQLite, which has one writer at a time, leaves it out
)
SAVE_HEAD = update(tasks).where(tasks.c.id == bindparam("b_id"), tasks.c.version == bindparam("b_version"))
TOUCH = update(tasks).where(tasks.c.id == bindparam("b_id"))
ITEM = items.c.task_id == bindparam("b_id"), items.c.idx == bindparam("b_item")
SEGMENT = (
    segments.c.task_id == bindparam("b_id"),
    segments.c.item == bindparam("b_item"),
    segments.c.idx == bindparam("b_segment"),
)
ITEM_STATE = select(items.c.state, items.c.segments_total).where(*ITEM)
ENDS = select(items.c.state, items.c.error).where(items.c.task_id == bindparam("b_id")).order_by(items.c.idx)
SAVE_BOOK = update(books).where(books.c.task_id == bindparam("b_id"), books.c.sha256.is_(None))
SAVE_ITEM = update(items).where(*ITEM)
THE_SEGMENT = select(segments).where(*SEGMENT)
SAVE_SEGMENT = update(segments).where(*SEGMENT)
# Not `in_`, whose list SQLAlchemy writes out at each execution: these two run for every segment.
TASK_IS_UNFINISHED = or_(*(tasks.c.state == state for state in sorted(UNFINISHED)))
ITEM_IS_UNFINISHED = or_(*(items.c.state == state for state in sorted(UNFINISHED)))
RENDER_SEGMENT = (
    update(segments)
    .where(*SEGMENT, segments.c.state != SegmentState.RENDERED)
    .where(
        select(tasks.c.id)
        .where(tasks.c.id == bindparam("b_id"), tasks.c.run == bindparam("b_run"), TASK_IS_UNFINISHED)
        .exists()
    )
    .values(
        state=SegmentState.RENDERED,
        key=bindparam("b_key"),
        audio_seconds=bindparam("b_seconds"),
        kind=bindparam("b_kind"),
    )
    .returning((segments.c.end_at - segments.c.start_at).label("characters"))
)
COUNT_SEGMENT = (
    update(items)
    .where(*ITEM)
    .values(
        segments_done=items.c.segments_done + bindparam("b_segments"),
        characters_done=items.c.characters_done + bindparam("b_characters"),
        audio_seconds=items.c.audio_seconds + bindparam("b_seconds"),
        takes=items.c.takes + bindparam("b_takes"),
    )
    .returning(items.c.segments_done, items.c.segments_total, items.c.takes)
)
