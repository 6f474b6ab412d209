import { Button } from "antd";
import { useSpeech } from "./context";

export function LanguageSwitch() {
  const { language, words, switchLanguage } = useSpeech();
  return (
    <Button type="text" className="language" onClick={switchLanguage} aria-label={words.switchLanguage} title={words.switchLanguage}>
      {language === "zh" ? "EN" : "中"}
    </Button>
  );
}
