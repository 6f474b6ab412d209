/** The page: language and theme around either the sign-in or the desk. */

import { App as AntApp, ConfigProvider } from "antd";
import enUS from "antd/locale/en_US";
import zhCN from "antd/locale/zh_CN";
import { useEffect, useMemo, useState } from "react";
import type { Desk } from "./store/desk";
import { DeskContext, speechOf, SpeechContext, useDeskState } from "./view/context";
import { SignIn } from "./view/SignIn";
import { Workplace } from "./view/Workplace";
import type { Language } from "./words";

const LANGUAGE_KEY = "trunkline.desk.language";

function chosenLanguage(): Language {
  const kept = localStorage.getItem(LANGUAGE_KEY) ?? navigator.language;
  return kept.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function App({ desk }: { desk: Desk }) {
  const [language, setLanguage] = useState<Language>(chosenLanguage);
  const speech = useMemo(() => {
    const other = language === "zh" ? "en" : "zh";
    return speechOf(language, () => {
      localStorage.setItem(LANGUAGE_KEY, other);
      setLanguage(other);
    });
  }, [language]);

  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [language]);

  return (
    <ConfigProvider
      locale={language === "zh" ? zhCN : enUS}
      button={{ autoInsertSpace: false }}
      theme={{
        token: {
          colorPrimary: "#1d4ed8",
          colorError: "#c62828",
          colorWarning: "#b45309",
          borderRadius: 8,
          colorTextSecondary: "#4b5563",
          colorTextDescription: "#4b5563",
          colorTextPlaceholder: "#6b7280",
          fontFamily:
            '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", system-ui, sans-serif',
        },
      }}
    >
      <AntApp className="app">
        <DeskContext value={desk}>
          <SpeechContext value={speech}>
            <Page />
          </SpeechContext>
        </DeskContext>
      </AntApp>
    </ConfigProvider>
  );
}

function Page() {
  const { phase } = useDeskState();
  return phase === "signed_in" || phase === "resuming" ? <Workplace /> : <SignIn />;
}
