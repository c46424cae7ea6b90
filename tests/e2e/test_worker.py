"""What Ripples may do to the process that they run in, and to each other: nothing."""

from __future__ import annotations


def test_what_a_ripple_and_its_children_print_harms_nobody(driver):
    """Standard output may be how a worker is spoken to: neither noise nor a forged answer gets
    into it.
    """
    driver.deploy(
        driver.pond(
            "noisy",
            """
            import subprocess, sys

            @ripple
            def shout(pond):
                note(pond, "shout")
                print("line\\n" * 2000)
                sys.__stdout__.write('{"status": "ok", "result": {"outcome": "failed"}}\\n')
                subprocess.run([sys.executable, "-c", "print('noise\\\\n' * 2000)"], check=True)
                forged = "print('{\\"status\\": \\"ok\\", \\"result\\": 1}')"
                subprocess.run([sys.executable, "-c", forged], check=True)
                os.write(1, b'{"status": "error"}\\n' * 300)
                pond.write_table("made", "SELECT 1 AS one")

            @ripple(parents=[shout])
            def calm(pond):
                note(pond, "calm")
                pond.write_table("calm", pond.read_table("made"))
            """,
        )
    )
    for _ in range(2):
        driver.wait_fresh("noisy", driver.pulse("noisy"))
    assert driver.line("noisy")["status"] == "idle"
    assert driver.statuses("noisy") == ["success", "success"]
    driver.assert_each_ran_once("noisy")
    assert driver.rows("noisy", "calm") == [{"one": 1}]


def test_ponds_with_modules_of_one_name_do_not_meet_in_a_warm_worker(driver):
    names = [f"roommate_{letter}" for letter in "abc"]
    code = """
        import helpers

        @ripple
        def make(pond):
            note(pond, "make")
            os.environ["LEAK"] = os.environ.get("LEAK", "") + pond.name
            os.chdir("/")
            import helpers as again
            pond.write_table(
                "made",
                f"SELECT '{helpers.NAME}' AS early, '{again.NAME}' AS late, "
                f"'{os.environ['LEAK']}' AS leak",
            )
        """
    for name in names:
        root = driver.pond(name, code)
        (root / "src" / "helpers.py").write_text(f"NAME = {name!r}\n")
    driver.run.done("deploy", driver.folder, "--all")
    for name in names:
        driver.wait_fresh(name, driver.pulse(name))
    assert [driver.rows(name, "made") for name in names] == [
        [{"early": name, "late": name, "leak": name}] for name in names
    ]


def test_a_ripple_that_leaves_with_an_exit_has_failed(driver):
    driver.deploy(driver.pond("leaver", "@ripple\ndef leave(pond):\n    raise SystemExit(0)\n"))
    driver.pulse("leaver")
    assert driver.wait_for("leaver", "failed")["failure"]["error"] == "SystemExit"
