import { lazy, Suspense, useEffect, useState } from "react";
import { CatchmentContext } from "../api/catchment";
import { api, onExpired } from "../api/client";
import { followStatus, stopFollowing, useConnection } from "../api/status";
import { useAnswer } from "../api/useAnswer";
import { Empty, Loading } from "../parts/Empty";
import { Link } from "../parts/Link";
import { dismissDone } from "../parts/live";
import { Notes } from "../parts/Notes";
import { Pipeline } from "../pipeline/Pipeline";
import { useRoute, type Route } from "../router";
import { Expired } from "./Expired";
import { Guarded } from "./Guarded";
import { Header } from "./Header";
import { Lost } from "./Lost";
import { MaintenanceBanner } from "./MaintenanceBanner";

const Runs = lazy(() => import("../runs/Runs"));
const Run = lazy(() => import("../runs/Run"));
const Data = lazy(() => import("../data/Data"));
const Why = lazy(() => import("../past/Why"));
const Replay = lazy(() => import("../past/Replay"));
const Changes = lazy(() => import("../past/Changes"));
const CatchmentView = lazy(() => import("../catchment/CatchmentView"));

export function App() {
  const [expired, setExpired] = useState(false);
  useEffect(() => {
    onExpired(() => {
      stopFollowing();
      setExpired(true);
    });
    followStatus();
  }, []);
  const { answer: catchment } = useAnswer("catchment", (signal) => api.catchment(signal));
  const { route, query } = useRoute();
  useTitle(route, catchment?.name ?? "");
  useQuietOnTheWay(route);
  const connection = useConnection();
  if (expired) return <Expired />;
  return (
    <CatchmentContext value={catchment}>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header view={route.view} />
      <Lost />
      <MaintenanceBanner />
      <main
        id="main"
        tabIndex={-1}
        className={`view view-${route.view} ${connection === "lost" ? "old" : ""}`}
      >
        <Guarded key={route.view}>
          <Suspense fallback={<Loading what="the view" />}>
            <View route={route} query={query} />
          </Suspense>
        </Guarded>
      </main>
      <Notes />
    </CatchmentContext>
  );
}

/** What was told of an action done elsewhere is not in the way of the next view. */
function useQuietOnTheWay(route: Route): void {
  useEffect(() => dismissDone(), [route.view]);
}

function View({ route, query }: { route: Route; query: URLSearchParams }) {
  switch (route.view) {
    case "pipeline":
      return <Pipeline selected={route.line} />;
    case "runs":
      return <Runs />;
    case "run":
      return <Run key={`${route.line}/${route.number}`} line={route.line} number={route.number} />;
    case "data":
      return <Data line={route.line} table={route.table} query={query} />;
    case "catchment":
      return <CatchmentView />;
    case "why":
      return <Why key={route.line} line={route.line} query={query} />;
    case "replay":
      return <Replay key={route.line} line={route.line} query={query} />;
    case "changes":
      return <Changes query={query} />;
    default:
      return (
        <>
          <h1 className="unseen">Not found</h1>
          <Empty title="There is no such page.">
            <Link to="/">To the pipeline</Link>
          </Empty>
        </>
      );
  }
}

const TITLES: Record<Route["view"], string> = {
  pipeline: "Pipeline",
  runs: "Runs",
  run: "Run",
  data: "Data",
  catchment: "Catchment",
  why: "Why",
  replay: "Replay",
  changes: "Changes",
  unknown: "Not found",
};

function useTitle(route: Route, name: string): void {
  const what =
    route.view === "run"
      ? `${route.line}/${route.number}`
      : route.view === "pipeline" && route.line
        ? route.line
        : route.view === "why" || route.view === "replay"
          ? `${TITLES[route.view]} ${route.line}`
          : TITLES[route.view];
  useEffect(() => {
    document.title = [what, name, "Duckstring"].filter(Boolean).join(" · ");
  }, [what, name]);
}
