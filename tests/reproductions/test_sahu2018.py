def test_x(finished_sahu2018):
    print(
        {(r["table"], r["row"], r["column"], r["fold"]): r["metrics"] for r in finished_sahu2018.results.rows}
    )


def test_y(finished_sahu2017):
    print(
        {(r["table"], r["row"], r["column"], r["fold"]): r["metrics"] for r in finished_sahu2017.results.rows}
    )
