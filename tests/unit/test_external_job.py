"""What all jobs of ``duckstring.external`` have in common."""

from __future__ import annotations

import inspect

import pytest

from duckstring.external import (
    AthenaQuery,
    BatchJob,
    DatabricksJob,
    EmrServerlessJob,
    ExternalError,
    GlueJob,
    HttpJob,
    StateMachine,
)

FOR_ONE_RUN = {
    AthenaQuery: ["values", "parameters"],
    BatchJob: ["parameters"],
    DatabricksJob: ["body"],
    EmrServerlessJob: ["arguments"],
    GlueJob: ["arguments"],
    HttpJob: ["body"],
    StateMachine: ["input"],
}


@pytest.mark.parametrize(("job", "names"), FOR_ONE_RUN.items())
@pytest.mark.parametrize("method", ["start", "run"])
def test_help_shows_what_may_be_given_for_one_run(job, names, method):
    signature = inspect.signature(getattr(job, method))
    assert list(signature.parameters) == ["self", "pond", *names]
    for name in names:
        assert signature.parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert f"``{name}``" in inspect.getdoc(job)
    assert signature.return_annotation == {"start": "str", "run": "ExternalRun"}[method]


@pytest.mark.parametrize("method", ["start", "run"])
def test_what_a_job_does_not_take_is_refused_before_anything_is_asked(method):
    with pytest.raises(TypeError, match="unexpected keyword argument 'argument'"):
        getattr(GlueJob("sales"), method)(object(), argument={})


@pytest.mark.parametrize("poll", ["soon", "0s", "8d", "60"])
def test_a_poll_that_is_no_duration_is_refused_when_the_job_is_made(poll):
    with pytest.raises(ExternalError, match="poll="):
        GlueJob("sales", poll=poll)
