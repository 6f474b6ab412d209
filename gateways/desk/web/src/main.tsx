import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./desk.css";
import { Desk } from "./store/desk";

const url = `${location.origin.replace(/^http/, "ws")}/ws`;
const desk = new Desk(url, sessionStorage);
desk.open();

const root = document.getElementById("root");
if (root) createRoot(root).render(<App desk={desk} />);
