"""List of all attacks in order: those that affect workers come last."""

from __future__ import annotations

from typing import Final

from loadtests.attack import forms, framing, hostile_pictures, occupation, page, server
from loadtests.attack.targets import Attack

ATTACKS: Final[tuple[Attack, ...]] = (
    framing.strict_http,
    framing.no_hidden_explanations,
    framing.pipelined,
    forms.camera_in_a_form,
    forms.forged_log,
    forms.many_pairs,
    hostile_pictures.many_tags,
    hostile_pictures.sixteen_webps,
    hostile_pictures.many_scans,
    hostile_pictures.hostile_files,
    occupation.slow_front,
    occupation.unfinished_bodies,
    occupation.full_buffers,
    occupation.slow_page,
    page.cross_site,
    page.slow_uploads,
    page.senders_who_hang_up,
    server.no_tracebacks,
    server.java_option_that_runs_a_command,
    server.killed_workers,
    server.stopped_workers,
    server.terminated_server,
)
