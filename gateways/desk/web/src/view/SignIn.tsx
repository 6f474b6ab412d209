/** The sign-in: agent id and password, and why the last sign-in ended. */

import { Alert, Button, Card, Form, Input } from "antd";
import { useDesk, useDeskState, useSpeech } from "./context";
import { LanguageSwitch } from "./LanguageSwitch";
import type { Words } from "../words";

interface Credentials {
  agent: string;
  password: string;
}

export function SignIn() {
  const desk = useDesk();
  const { phase, signInProblem, signedOut } = useDeskState();
  const { words } = useSpeech();
  const why = signedOut && words[`signedOut_${signedOut.reason}` as keyof Words];
  return (
    <main className="sign-in">
      <Card className="sign-in-card">
        <div className="sign-in-head">
          <img src="./mark.svg" alt="" width={44} height={44} />
          <div>
            <h1>{words.signInTitle}</h1>
            <span className="quiet">Trunkline</span>
          </div>
          <LanguageSwitch />
        </div>
        {why && !signInProblem && <Alert type="info" showIcon title={signedOut.detail ? `${why} ${signedOut.detail}` : why} className="gap-below" />}
        {signInProblem !== null && (
          <Alert type="error" showIcon title={signInProblem || words.notConnected} className="gap-below" role="alert" />
        )}
        <Form<Credentials>
          layout="vertical"
          requiredMark={false}
          onFinish={({ agent, password }) => desk.signIn(agent.trim(), password)}
        >
          <Form.Item name="agent" label={words.agent} rules={[{ required: true, whitespace: true, message: words.fieldNeeded }]}>
            <Input size="large" autoComplete="username" autoFocus />
          </Form.Item>
          <Form.Item name="password" label={words.password} rules={[{ required: true, message: words.fieldNeeded }]}>
            <Input.Password size="large" autoComplete="current-password" />
          </Form.Item>
          <Button type="primary" size="large" htmlType="submit" block loading={phase === "signing_in"}>
            {words.signIn}
          </Button>
        </Form>
      </Card>
    </main>
  );
}
