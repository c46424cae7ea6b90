import { createRoot } from "react-dom/client";
import "@xyflow/react/dist/base.css";
import "./styles.css";
import { findToken } from "./api/token";
import { App } from "./shell/App";
import { Expired } from "./shell/Expired";
import { startTheme } from "./shell/theme";

startTheme();

const root = createRoot(document.getElementById("root") as HTMLElement);

void findToken().then((token) => root.render(token ? <App /> : <Expired />));
