import { createRoot } from "react-dom/client";
import "@xyflow/react/dist/base.css";
import "./styles.css";
import { findToken, hasToken } from "./api/token";
import { App } from "./shell/App";
import { Expired } from "./shell/Expired";
import { startTheme } from "./shell/theme";

startTheme();

// The address of a later start, opened in this tab: only what is after # is new, so nothing loads.
window.addEventListener("hashchange", () => {
  if (hasToken()) window.location.reload();
});

const root = createRoot(document.getElementById("root") as HTMLElement);

void findToken().then((token) => root.render(token ? <App /> : <Expired />));
