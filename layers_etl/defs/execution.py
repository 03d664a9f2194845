"""Executing a job in this process, as a run of the code location that the UI has loaded.

``execute_in_process`` makes runs that belong to no code location: the UI leaves them out of its Timeline and the job's
page, can't re-execute them, and its sensors don't hear of them.
"""

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin

from layers_etl.defs.locations import LOCATION


def execute_here(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    run_config: Mapping[str, object],
    tags: Mapping[str, str],
    location: str | None = None,
) -> None:
    """Execute ``job`` with its own executor, recorded in ``instance`` as of ``location``; what breaks it off is raised.

    None: of the one location that ``workspace.yaml`` names.
    """
    origin = RegisteredCodeLocationOrigin(location or LOCATION)
    repository = RemoteRepositoryOrigin(origin, SINGLETON_REPOSITORY_NAME)
    run = instance.create_run_for_job(
        job_def=job, run_config=run_config, tags=tags, remote_job_origin=repository.get_job_origin(job.name)
    )
    execute_run(InMemoryJob(job), run, instance, raise_on_error=True)
