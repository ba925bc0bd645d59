// The page: one of four screens, depending on who is looking.

import { render } from "preact";
import { Dashboard } from "./dashboard";
import { Login, NoLink, Setup } from "./gate";
import { me, notice, refresh, takeToken, token, watchVisibility } from "./state";
import "./panel.css";

function Screen() {
  const who = me.value;
  if (who === null) return <main class="gate" aria-busy="true">{notice.value && <p class="card gate-card">{notice}</p>}</main>;
  if (who.admin !== null) return <Dashboard admin={who.admin} />;
  if (!who.setup) return <Login usedLink={token.value !== null} />;
  return token.value === null ? <NoLink /> : <Setup token={token.value} atLeast={who.password_chars_min} />;
}

takeToken();
window.addEventListener("hashchange", takeToken);
watchVisibility();
const root = document.getElementById("panel");
if (root !== null) render(<Screen />, root);
void refresh();
