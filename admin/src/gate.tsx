// Before the door: the first admin's form, the login, and what to do without a link.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import * as api from "./api";
import { Mark } from "./mark";
import { entered, message, notice } from "./state";

function Gate(props: { title: string; children: ComponentChildren }) {
  return (
    <main class="gate">
      <section class="card gate-card" aria-labelledby="gate-title">
        <p class="brand">
          <Mark /> Airboat
        </p>
        <h1 id="gate-title">{props.title}</h1>
        {props.children}
      </section>
    </main>
  );
}

interface FormProps {
  send: (name: string, password: string) => Promise<{ admin: string }>;
  button: string;
  fresh: boolean;
  atLeast: number;
  hint?: string;
}

/** Name and password. What the server refuses is shown and read out. */
function Form(props: FormProps) {
  const busy = useSignal(false);
  const shown = useSignal(false);
  const refused = useSignal("");
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    busy.value = true;
    refused.value = "";
    try {
      const { admin } = await props.send(String(data.get("name")), String(data.get("password")));
      entered(admin);
    } catch (error) {
      refused.value = message(error);
      busy.value = false;
    }
  };

  return (
    <form onSubmit={submit}>
      <label for="name">Name</label>
      <input ref={first} id="name" name="name" autocomplete="username" required maxLength={64} spellcheck={false} autocapitalize="none" />
      <label for="password">Password</label>
      <div class="secret">
        <input
          id="password"
          name="password"
          type={(shown.value ? "text" : "password") as "password"}
          autocomplete={props.fresh ? "new-password" : "current-password"}
          required
          minLength={props.fresh ? props.atLeast : 1}
          maxLength={1024}
          {...(props.hint ? { "aria-describedby": "hint" } : {})}
        />
        <button type="button" class="quiet" aria-pressed={shown.value} onClick={() => (shown.value = !shown.value)}>
          {shown.value ? "Hide" : "Show"}
        </button>
      </div>
      {props.hint && (
        <p class="hint" id="hint">
          {props.hint}
        </p>
      )}
      <p class="refused" role="alert">
        {refused}
      </p>
      <button type="submit" class="primary" disabled={busy.value}>
        {busy.value ? "One moment…" : props.button}
      </button>
    </form>
  );
}

export function Setup(props: { token: string; atLeast: number }) {
  return (
    <Gate title="Become the admin">
      <p>This link works once. Choose the name and the password you will log in with.</p>
      <Form
        send={(name, password) => api.setup(props.token, name, password)}
        button="Set password"
        fresh
        atLeast={props.atLeast}
        hint={`${props.atLeast} characters or more. A few random words are good.`}
      />
    </Gate>
  );
}

export function Login(props: { usedLink: boolean }) {
  const why = props.usedLink ? "This link has been used already. Log in with the password that was set." : notice.value;
  return (
    <Gate title="Log in">
      {why && (
        <p class="notice" role="status">
          {why}
        </p>
      )}
      <Form send={api.login} button="Log in" fresh={false} atLeast={1} />
    </Gate>
  );
}

export function NoLink() {
  return (
    <Gate title="No admin yet">
      <p>When it started, the server printed a link that makes whoever opens it the admin:</p>
      <p class="example">
        <code>{location.origin}/admin/#setup=…</code>
      </p>
      <p>Open that one. If it is lost or too old, restart the server and it prints a new one.</p>
    </Gate>
  );
}
