"""Connects the processes of one run that torchrun started.

A run in one process is `ALONE`, for which these functions do nothing. Messages are JSON and tensors, never
pickled objects. Every method that says "together" must be called by all ranks in the same order.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from tsdsl.data import Batch
from tsdsl.engine.ranks.heartbeat import TIMEOUT_VARIABLE, Heartbeat, rank_timeout_s
from tsdsl.engine.runs.directory import RunDirectory
from tsdsl.errors import RepeatedError, RunError, TsdslError, UsageError
from tsdsl.processes import end_with_parent

FAILURE_KEY = "failure"
JOIN_INTERVAL_S, JOIN_TIMEOUT = 0.02, timedelta(minutes=10)


class LostRankError(RunError):
    """Another rank ended or does not answer, so this one cannot continue; `lost` are those that are known."""

    def __init__(self, rank: int, reason: str, lost: Sequence[int] = ()) -> None:
        other = f"rank {', '.join(map(str, lost))}" if lost else "another process of this run"
        super().__init__(
            f"rank {rank}: {other} ended or does not answer, so this one stops ({reason})",
            help="its own message, or torchrun's summary below, says why; end it if it still exists, then the same "
            "command goes on from the last checkpoint",
        )


@dataclass(frozen=True, eq=False)
class Ranks:
    """One process of `size`; `local_rank` is its number on its machine and the number of its GPU."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    store: Store | None = None
    heartbeat: Heartbeat | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def gather(self, value: Any) -> list[Any]:
        """The values of all ranks, plain JSON, in the order of ranks; together."""
        if self.size == 1:
            return [value]
        own = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        return [json.loads(part.numpy().tobytes()) for part in self._gathered(own)]

    def first(self, work: Callable[[], Any]) -> Any:
        """The result of `work` on rank 0, plain JSON, on every rank; together.

        Raises:
            RepeatedError: on the other ranks, if it raised an exception on rank 0.
        """
        if self.size == 1:
            return work()
        answer: dict[str, Any] = {}
        failure: Exception | None = None
        if self.is_first:
            try:
                answer = {"value": work()}
            except Exception as error:  # on any error, the other ranks must not wait
                failure = error
                answer = {"error": _described(error)}
        answer = self._from_first(answer)
        if failure is not None:
            raise failure
        if "error" in answer:
            raise RepeatedError(**answer["error"])
        return answer["value"]

    def stack(self, tensor: Tensor) -> Tensor:
        """The tensors of all ranks, of one shape, along a new first dimension; together."""
        if self.size == 1:
            return tensor[None]
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        with self._answering():
            dist.all_gather(parts, tensor)
        return torch.stack(parts)

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all ranks; together. All have one type and one device."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with self._answering():
            dist.all_reduce(flat)
        at = 0
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
            at += tensor.numel()

    def from_first(self, tensors: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        """The tensors of rank 0, on the CPU of every rank; together. Other ranks pass None."""
        if self.size == 1:
            return dict(tensors or {})
        own = {} if tensors is None or not self.is_first else tensors
        layout = self._from_first(
            {name: [str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in own.items()}
        )
        result: dict[str, Tensor] = {}
        for name, (dtype, shape) in layout.items():
            tensor = torch.empty(shape, dtype=getattr(torch, dtype))
            if self.is_first:
                tensor = own[name].detach().cpu().contiguous()
            with self._answering():
                dist.broadcast(tensor, 0)
            result[name] = tensor
        return result

    def whole(self, share: Batch) -> Batch:
        """The batch made of the shares of all ranks, in the order of ranks; together."""
        if self.size == 1:
            return share
        return Batch(
            torch.cat(self._gathered(share.clips_BCTHW)),
            torch.cat(self._gathered(share.labels_B)),
            torch.cat(self._gathered(share.indices_B)),
        )

    def require_same(self, tensors: Mapping[str, Tensor], place: str) -> None:
        """Check that all ranks have the same numbers, to the bit; together.

        Raises:
            RunError: they do not, as may happen on different hardware; it names the ranks that differ from rank 0.
        """
        if self.size == 1:
            return
        digests = self.gather(_digest(tensors))
        differing = [rank for rank, digest in enumerate(digests) if digest != digests[0]]
        if differing:
            raise RunError(
                f"{place}: ranks {', '.join(map(str, differing))} have other numbers than rank 0; nothing is saved",
                help="run all ranks on machines of one kind with one version of torch; the same command continues "
                "from the previous checkpoint",
            )

    @contextmanager
    def locked(self, run: RunDirectory) -> Iterator[list[str]]:
        """A context in which rank 0 holds the lock of the run folder; together. See `RunDirectory.locked`."""
        with ExitStack() as stack:
            yield self.first(lambda: stack.enter_context(run.locked()))

    def _gathered(self, own: Tensor) -> list[Tensor]:
        """The tensors of all ranks, which may differ only in their first size."""
        with self._answering():
            count = torch.tensor([len(own)], device=own.device)
            counts = [torch.empty_like(count) for _ in range(self.size)]
            dist.all_gather(counts, count)
            lengths = [int(length) for length in counts]
            padded = own.new_zeros(max(lengths), *own.shape[1:])
            padded[: len(own)] = own
            parts = [torch.empty_like(padded) for _ in range(self.size)]
            dist.all_gather(parts, padded)
        return [part[:length] for part, length in zip(parts, lengths, strict=True)]

    def _from_first(self, value: Any) -> Any:
        """The value of rank 0, plain JSON."""
        encoded = json.dumps(value).encode() if self.is_first else b""
        with self._answering():
            length = torch.tensor([len(encoded)])
            dist.broadcast(length, 0)
            content = torch.empty(int(length), dtype=torch.uint8)
            if self.is_first:
                content = torch.frombuffer(bytearray(encoded), dtype=torch.uint8)
            dist.broadcast(content, 0)
        return json.loads(content.numpy().tobytes())

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            reason = str(error).strip().split("\n")[0].split(". ")[0]
            raise LostRankError(self.rank, reason, _silent(self)) from error


ALONE = Ranks()


def launched_ranks() -> tuple[int, int, int]:
    """(rank, number of ranks, rank on this machine) from the environment of torchrun; (0, 1, 0) without it.

    Raises:
        UsageError: the environment is invalid.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if any(name not in os.environ for name in names):
        return 0, 1, 0
    try:
        rank, size, local_rank = (int(os.environ[name]) for name in names)
    except ValueError as error:
        raise UsageError(f"{error} in RANK, WORLD_SIZE or LOCAL_RANK", help="start with torchrun") from error
    if not 0 <= rank < size:
        raise UsageError(f"RANK must be from 0 to WORLD_SIZE {size} - 1, got {rank}", help="start with torchrun")
    return rank, size, local_rank


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """A context in which this process is connected to the others that torchrun started; `ALONE` without torchrun.

    An error that leaves it ends the other ranks too; only the first rank to fail reports it.

    Raises:
        RepeatedError: another rank has reported the failure that ended this one.
    """
    rank, size, local_rank = launched_ranks()
    if size == 1:
        yield ALONE
        return
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"{size} processes cannot share device {device}", help="give --device cpu or cuda")
    if "TORCHELASTIC_RUN_ID" in os.environ:
        # torchrun cannot end its processes if it is killed.
        end_with_parent()
    shared, _, _ = next(rendezvous("env://", rank, size, timeout=JOIN_TIMEOUT))
    store = PrefixStore(_generation(shared, rank, size), shared)
    backend = "gloo"
    if device.type == "cuda":
        backend = "cpu:gloo,cuda:nccl"
        torch.cuda.set_device(device)
    # The clone has a connection of its own, which no exchange of this rank keeps waiting.
    own: Store = store.clone()  # type: ignore[attr-defined]  # torch's stubs lack it
    limit_s = rank_timeout_s()

    def lost(other: int) -> None:
        _end_without(Ranks(rank, size, store=own), other, limit_s)

    with Heartbeat(own, rank, size, limit_s, lost) as heartbeat:
        dist.init_process_group(backend, store=store, rank=rank, world_size=size)
        ranks = Ranks(rank, size, local_rank, store, heartbeat)
        try:
            yield ranks
            with ranks._answering():
                dist.barrier()
        except Exception as error:
            _tell(ranks, error)
            raise
        finally:
            # Also after errors: threads of an open process group abort the process at exit.
            with suppress(RuntimeError):
                dist.destroy_process_group()


def _generation(store: Store, rank: int, size: int) -> str:
    """A name that all ranks of this start share, different from earlier starts.

    When torchrun restarts processes, its store still has the addresses of ended ones; a rank that used these would wait
    forever. So each rank joins under a new name.

    Raises:
        LostRankError: a rank does not join.
    """
    own = uuid4().hex
    try:
        if rank > 0:
            store.set(f"joins/{rank}", own)
            generation: str = store.get(f"answer/{own}").decode()
            store.set(f"ready/{generation}/{rank}", "")
            return generation
        awaited = set(range(1, size))
        deadline_s = time.monotonic() + JOIN_TIMEOUT.total_seconds()
        while awaited:
            for other in sorted(awaited):
                if store.check([f"joins/{other}"]):
                    # It may be the name of an ended process: then nobody reads the answer.
                    store.set(f"answer/{store.get(f'joins/{other}').decode()}", own)
                if store.check([f"ready/{own}/{other}"]):
                    awaited.discard(other)
            if time.monotonic() > deadline_s:
                raise LostRankError(rank, f"ranks {sorted(awaited)} did not start")
            time.sleep(JOIN_INTERVAL_S)
    except RuntimeError as error:
        raise LostRankError(rank, str(error).split("\n")[0]) from error
    return own


def _tell(ranks: Ranks, error: Exception) -> None:
    """Record this error as the failure of the run, unless there is one.

    Raises:
        RepeatedError: another rank recorded one, and this error is the same or its consequence.
    """
    if isinstance(error, RepeatedError) or ranks.store is None:
        return
    own = _described(error)
    try:
        reported = json.loads(ranks.store.compare_set(FAILURE_KEY, "", json.dumps({"rank": ranks.rank, **own})))
    except RuntimeError:
        return  # the store ended with the rank that kept it
    told_by = reported.pop("rank")
    if told_by != ranks.rank and (isinstance(error, LostRankError) or reported == own):
        raise RepeatedError(**reported) from error


def _silent(ranks: Ranks) -> list[int]:
    """The ranks that do not answer; none where one has said why it ends."""
    try:
        if ranks.heartbeat is None or ranks.store is None or ranks.store.check([FAILURE_KEY]):
            return []
        return ranks.heartbeat.silent()
    except RuntimeError:
        return []  # the store ended with the rank that kept it


def _end_without(ranks: Ranks, lost: int, limit_s: float) -> None:
    """End this process, which may wait for a lost rank in the middle of an exchange."""
    error = LostRankError(ranks.rank, f"it was silent for {limit_s:g} s, see {TIMEOUT_VARIABLE}", [lost])
    code = error.exit_code
    try:
        _tell(ranks, error)
        print(f"error: {error.message}\n help: {error.help}", file=sys.stderr, flush=True)
    except RepeatedError as repeated:
        code = repeated.exit_code
    os._exit(code)


def _described(error: Exception) -> dict[str, Any]:
    if isinstance(error, TsdslError):
        return {"message": error.message, "help": error.help, "exit_code": error.exit_code}
    return {"message": f"{type(error).__name__}: {error}", "help": None, "exit_code": 70}


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
