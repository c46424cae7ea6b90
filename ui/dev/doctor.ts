// What the doctor says of the Catchment for development.

import type { DoctorFinding, DoctorTold } from "../src/api/shapes";

const FINE = {
  versions: "0.1.0 everywhere",
  functions:
    "orchestrator, ripple, discovery, api, sweep: active, none failing or throttled in the last hour",
  queues: "the mailbox and the delay queue are read",
  "dead letters": "none (mailbox, delays, events)",
  alarms: "none rings",
  tasks: "the cluster is active, 1 run",
  lines: "15 lines, 2 runs in flight",
};

const FOUND: DoctorFinding[] = [
  {
    area: "dead letters",
    message:
      "2 letters given up: no delivery could handle them, and what they say is not known to their lines.",
    hint: "Repair the cause, then: duckstring doctor redrive mailbox",
    details: [
      "sales@1  alarm_rang  sent 2030-01-02 02:00:04Z",
      "    last error: ClientError: AccessDenied: no PutItem <b>bold</b> \u001b[31m",
      "gone@7  triggered  sent 2030-01-02 02:11:40Z",
      "    the orchestrator's log does not name it",
    ],
  },
  {
    area: "alarms",
    message:
      "could not be looked at: An error occurred (AccessDenied) when calling the DescribeAlarms operation: " +
      "User: arn:aws:sts::123456789012:assumed-role/Readers/ada is not authorized to perform: cloudwatch:DescribeAlarms",
    hint: "Ask for it: docs/aws.md names what the doctor needs.",
    details: [],
  },
  {
    area: "lines",
    message: "rates@1 waits for an alarm that is 15 minutes late.",
    hint: "The sweep repairs this every 5 minutes. That it has not: see what is said of the sweep and the orchestrator.",
    details: [],
  },
  {
    area: "lines",
    message: "attribution@1 runs attribution@1/42, but its execution is gone.",
    hint: "",
    details: [],
  },
];

export function doctorOf(how: string | undefined): DoctorTold {
  const findings = how === "well" ? [] : FOUND;
  return {
    catchment: "dev",
    ok: !findings.length,
    checks: Object.entries(FINE).map(([area, fine]) => {
      const mine = findings.filter((one) => one.area === area);
      const looked_at = !mine.some((one) => one.message.startsWith("could not"));
      return { area, ok: !mine.length, looked_at, fine: looked_at ? fine : "" };
    }),
    findings,
  };
}
