"""Asking for speech, and taking it back."""

from collections.abc import Collection
from dataclasses import asdict

from app.domain.ids import TaskId
from app.domain.states import TaskState, move
from app.domain.tasks import SpeechRequest, Task
from app.results import statements
from app.results.changing import ChangingStore
from app.results.control import cancel_tasks, run_tasks_again
from app.results.deliveries import add_cancelled, add_webhook
from app.results.lexicons import keep_entries
from app.results.measurements import count_end
from app.results.rows import pending_task


class TaskChanges(ChangingStore):
    """What is done to whole tasks by those who ask for them."""

    def add_task(self, task_id: TaskId, request: SpeechRequest, *, now: int) -> Task:
        """The task that the request becomes, pending."""
        task = pending_task(task_id, request, now)
        chosen = (item.lexicon.lexicon for item in request.items if item.lexicon)
        for lexicon in {each.version: each for each in chosen}.values():
            keep_entries(self.connection, lexicon)
        self.connection.execute(
            statements.ADD_TASK,
            {
                "id": task_id,
                "state": task.state,
                "owner": request.owner,
                "priority": int(task.priority),
                "run": task.run,
                "attempts": task.attempts,
                "version": task.version,
                "created_at": now,
                "updated_at": now,
            },
        )
        self.connection.execute(
            statements.ADD_ITEM,
            [
                {
                    "task_id": task_id,
                    "idx": item.index,
                    "state": item.state,
                    "characters": item.text_characters,
                    "voice": item.voice,
                    "speed": item.speed,
                    "volume": item.volume,
                    "format": item.format,
                    "metadata": item.metadata,
                    "segments_total": item.segments_total,
                    "segments_done": item.segments_done,
                    "characters_done": item.characters_done,
                    "audio_seconds": item.audio_seconds,
                    "takes": item.takes,
                    "dropped": [],
                    "lexicon_version": item.lexicon.version if item.lexicon else None,
                    "lexicon_name": item.lexicon.name if item.lexicon else None,
                    "lexicon_revision": item.lexicon.revision if item.lexicon else None,
                }
                for item in task.items
            ],
        )
        self.connection.execute(
            statements.ADD_TEXT, [{"task_id": task_id, "idx": item.index, "text": item.text} for item in task.items]
        )
        if request.webhook_url is not None:
            add_webhook(self.connection, task_id, request.webhook_url)
        if request.book is not None:
            self.connection.execute(statements.ADD_BOOK, {"task_id": task_id, **asdict(request.book)})
        self._record(task_id, None, TaskState.PENDING, attempt=0, worker=None, now=now)
        return task

    def cancel(self, task_id: TaskId, *, now: int) -> Task | None:
        """The task, cancelled with all of its items that are not done; None where there is none of that id.

        Raises:
          IllegalMove: it is finished already.
        """
        head = self._head(task_id)
        if head is None:
            return None
        move(head.state, TaskState.CANCELLED)
        self.cancel_all([task_id], now=now)
        return self.task(task_id)

    def cancel_all(self, task_ids: Collection[TaskId], *, now: int) -> list[TaskId]:
        """Those of the tasks that were not finished: they are cancelled now, counted, and told to their webhooks."""
        moved = cancel_tasks(self.connection, task_ids, now=now)
        if moved:
            count_end(self.connection, TaskState.CANCELLED, len(moved))
            self.caused.extend(add_cancelled(self.connection, moved, now=now))
        return moved

    def run_again(self, task_id: TaskId, *, now: int) -> Task | None:
        """The task, pending again with all of its items that are not completed; None where there is none.

        Raises:
          IllegalMove: it is completed, or still at work.
        """
        head = self._head(task_id)
        if head is None:
            return None
        move(head.state, TaskState.PENDING)
        run_tasks_again(self.connection, [task_id], now=now)
        return self.task(task_id)
