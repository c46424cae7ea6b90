"""The graph of lines that a set of releases declares: its order, and its faults. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from semver import Version

from duckstring.model import ordering
from duckstring.model.catalog import Release, SourceSpec
from duckstring.model.names import Line, parse_line


def in_order(releases: Mapping[Line, Release]) -> tuple[Line, ...]:
    """Every line and every Source that they name, Sources first, then by name; members of a
    cycle last.
    """
    sources = _sources(releases)
    return ordering.in_order({line: sources[line] for line in sorted(sources, key=parse_line)})


def faults(releases: Mapping[Line, Release], changed: Collection[Line]) -> tuple[str, ...]:
    """What is wrong with the graph on and around the ``changed`` lines, one sentence each."""
    touched = [
        (sink, spec)
        for sink, spec in _edges(releases)
        if sink.line in changed or spec.line in changed
    ]
    found = [
        fault
        for sink, spec in touched
        for fault in _edge_faults(sink, spec, releases.get(spec.line), changed)
    ]
    if cycle := find_cycle(releases, changed):
        found.append(
            f"These Ponds would wait for each other in a cycle: {' -> '.join(cycle)}; take one "
            "of these Sources away."
        )
    return tuple(found)


def warnings(release: Release, releases: Mapping[Line, Release]) -> tuple[str, ...]:
    """Warnings: what is allowed but should be noticed."""
    return tuple(_absent(spec, releases) for spec in release.sources if spec.line not in releases)


def find_cycle(releases: Mapping[Line, Release], changed: Collection[Line]) -> tuple[Line, ...]:
    """A cycle through one of the ``changed`` lines, its first line repeated at its end; empty if
    there is none.

    Any new cycle has a changed line in it, and what was selected before had none.
    """
    sources = _sources(releases)
    for start in sorted(changed):
        if cycle := _walk(start, sources):
            return cycle
    return ()


def _walk(start: Line, sources: Mapping[Line, Collection[Line]]) -> tuple[Line, ...]:
    """Depth first from ``start`` along Sources, until it comes back; an explicit stack, as
    graphs may be deep.
    """
    path = [start]
    ahead = [iter(sorted(sources[start]))]
    seen: set[Line] = set()
    while ahead:
        following = next(ahead[-1], None)
        if following is None:
            ahead.pop()
            path.pop()
        elif following == start:
            return (*path, start)
        elif following not in seen:
            seen.add(following)
            path.append(following)
            ahead.append(iter(sorted(sources[following])))
    return ()


def _sources(releases: Mapping[Line, Release]) -> dict[Line, frozenset[Line]]:
    named = {
        line: frozenset(spec.line for spec in release.sources) for line, release in releases.items()
    }
    return {source: frozenset() for its in named.values() for source in its} | named


def _edges(releases: Mapping[Line, Release]) -> Iterator[tuple[Release, SourceSpec]]:
    return ((release, spec) for _, release in sorted(releases.items()) for spec in release.sources)


def _edge_faults(
    sink: Release, spec: SourceSpec, source: Release | None, changed: Collection[Line]
) -> Iterator[str]:
    if source is None:
        return
    if source.kind == "outlet":
        yield (
            f"{sink.line} names {spec.line} as a Source, but {spec.line} is an Outlet: an Outlet "
            "has no Sinks."
        )
    if Version.parse(source.version) < Version.parse(spec.minimum):
        yield _too_old(sink, spec, source, changed)


def _too_old(sink: Release, spec: SourceSpec, source: Release, changed: Collection[Line]) -> str:
    """Both lines, both versions, and what to do, which depends on whose deploy this is. The rule
    holds for an optional Source, too.
    """
    (reader, _), (pond, _) = parse_line(sink.line), parse_line(source.line)
    needs = f"{sink.line} {sink.version} needs {source.line} at {spec.minimum} or newer"
    if source.line not in changed:
        out = (
            f"deploy {pond} {spec.minimum} or newer first or together with it, or lower the "
            f"minimum in {reader}'s pond.toml"
        )
        return f"{needs}, and {source.version} is deployed: {out}."
    if sink.line not in changed:
        out = (
            f"deploy {pond} at {spec.minimum} or newer, or together with it a {reader} that "
            "needs less"
        )
        return f"{needs}, and this deploy would select {source.version}: {out}."
    return (
        f"{needs}, and this deploy has {source.version} of it: raise that version, or lower the "
        f"minimum in {reader}'s pond.toml."
    )


def absent(line: Line, releases: Mapping[Line, Release]) -> tuple[tuple[Line, Line], ...]:
    """The required Sources in the lineage of ``line`` that are not deployed, each with the Sink
    that names it.
    """
    found: list[tuple[Line, Line]] = []
    ahead, seen = [line], {line}
    while ahead:
        sink = ahead.pop()
        for spec in releases[sink].sources:
            if spec.optional or spec.line in seen:
                continue
            seen.add(spec.line)
            if spec.line in releases:
                ahead.append(spec.line)
            else:
                found.append((sink, spec.line))
    return tuple(sorted(found))


def lines_above(line: Line, releases: Mapping[Line, Release]) -> set[Line]:
    """All lines that ``line`` reads, itself or by way of others, deployed or not."""
    return _reached(line, _sources(releases))


def lines_below(line: Line, releases: Mapping[Line, Release]) -> set[Line]:
    """All lines that read ``line``, themselves or by way of others."""
    sinks: dict[Line, set[Line]] = {}
    for sink, spec in _edges(releases):
        sinks.setdefault(spec.line, set()).add(sink.line)
    return _reached(line, sinks)


def lines_blocked_by(line: Line, releases: Mapping[Line, Release]) -> set[Line]:
    """All lines that cannot run while ``line`` is down: those that require it, themselves or by way
    of others.
    """
    sinks: dict[Line, set[Line]] = {}
    for sink, spec in _edges(releases):
        if not spec.optional:
            sinks.setdefault(spec.line, set()).add(sink.line)
    return _reached(line, sinks)


def _reached(line: Line, following: Mapping[Line, Collection[Line]]) -> set[Line]:
    reached: set[Line] = set()
    ahead = [line]
    while ahead:
        new = set(following.get(ahead.pop(), ())) - reached
        reached |= new
        ahead += new
    return reached - {line}


def needed_by(
    line: Line, releases: Mapping[Line, Release]
) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """The Sinks that name ``line`` as a required Source, and those that name it as an optional
    one, by name.
    """
    named = [(sink.line, spec.optional) for sink, spec in _edges(releases) if spec.line == line]
    return tuple(sink for sink, optional in named if not optional), tuple(
        sink for sink, optional in named if optional
    )


def _absent(spec: SourceSpec, releases: Mapping[Line, Release]) -> str:
    pond = parse_line(spec.line)[0]
    others = [line for line in sorted(releases) if parse_line(line)[0] == pond]
    has = f" (there is {', '.join(others)})" if others else ""
    consequence = (
        "it is optional and does not count until then"
        if spec.optional
        else "nothing runs here until it is"
    )
    return f"Source {spec.line} is not deployed yet{has}: {consequence}."
