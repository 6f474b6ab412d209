/** Every string that a customer reads, in each language. `{x}` is replaced by the named value. */

export type Language = "zh" | "en";

const en = {
  title: "Chat with us",
  subtitle: "We usually answer within a minute",
  open: "Open chat",
  openUnread: "Open chat, {count} unread",
  minimize: "Minimize chat",
  end: "End conversation",
  endQuestion: "End this conversation?",
  endYes: "End it",
  endNo: "Go on",
  switchLanguage: "切换到中文",
  greeting: "Hello! How can we help you?",
  name: "Your name (optional)",
  topic: "What is it about?",
  start: "Start chat",
  starting: "Starting…",
  busy: "Everybody is busy at the moment. You need not do anything: we keep trying for you.",
  retryIn: "Trying again in {count} s",
  retryNow: "Trying again now…",
  placeholder: "Write a message…",
  send: "Send message",
  attach: "Attach a file",
  removeFile: "Remove {name}",
  uploading: "Uploading {name}",
  uploadFailed: "{name} could not be attached: {reason}",
  tooLarge: "it is larger than {limit} MB",
  offline: "the connection is lost",
  tooMany: "At most {limit} files at once",
  connecting: "Connecting…",
  lost: "Connection lost. Your messages are kept and sent when it is back.",
  waiting: "Please wait…",
  queued: "{count} ahead of you. You can already write what it is about.",
  queuedNext: "You are next. You can already write what it is about.",
  queuedHidden: "We will be with you soon. You can already write what it is about.",
  queuedFor: "{count} ahead of you, {wait}. You can already write what it is about.",
  queuedNextFor: "You are next, {wait}. You can already write what it is about.",
  queuedHiddenFor: "Your wait: {wait}. You can already write what it is about.",
  waitUnder: "less than {most} min",
  waitBetween: "about {least} to {most} min",
  waitAbout: "about {most} min",
  connected: "You are talking to {name}",
  transferred: "We are passing you on to a colleague…",
  joined: "{name} has joined the conversation",
  left: "{name} has left the conversation",
  ended: "This conversation has ended",
  closed: "We are closed at the moment. Please come back during our opening hours.",
  gone: "Your last conversation has ended. Start a new one any time.",
  startNew: "Start a new conversation",
  typing: "{name} is typing",
  someone: "Agent",
  bot: "Assistant",
  you: "You",
  sending: "Sending",
  sent: "Sent",
  delivered: "Delivered",
  read: "Read",
  failed: "Not sent: {reason}",
  retry: "Try again",
  newMessages: "New messages ↓",
  transcript: "Conversation",
  download: "Download {name}",
  image: "Picture {name}",
  refusedStart: "The conversation could not be started: {reason}",
};

export type Words = typeof en;

const zh: Words = {
  title: "在线客服",
  subtitle: "通常一分钟内回复",
  open: "打开聊天",
  openUnread: "打开聊天，{count} 条未读",
  minimize: "收起聊天",
  end: "结束会话",
  endQuestion: "确定结束本次会话吗？",
  endYes: "结束",
  endNo: "继续聊",
  switchLanguage: "Switch to English",
  greeting: "您好！请问有什么可以帮您？",
  name: "您的称呼（选填）",
  topic: "咨询内容",
  start: "开始聊天",
  starting: "正在开始…",
  busy: "当前咨询人数较多，您无需操作，我们会自动为您重试。",
  retryIn: "{count} 秒后重试",
  retryNow: "正在重试…",
  placeholder: "请输入消息…",
  send: "发送消息",
  attach: "添加附件",
  removeFile: "移除 {name}",
  uploading: "正在上传 {name}",
  uploadFailed: "{name} 上传失败：{reason}",
  tooLarge: "文件超过 {limit} MB",
  offline: "连接已断开",
  tooMany: "一次最多 {limit} 个文件",
  connecting: "正在连接…",
  lost: "连接已断开，您的消息已保留，恢复后会自动发送。",
  waiting: "请稍候…",
  queued: "前面还有 {count} 位，您可以先描述问题。",
  queuedNext: "马上就到您了，您可以先描述问题。",
  queuedHidden: "我们会尽快为您服务，您可以先描述问题。",
  queuedFor: "前面还有 {count} 位，{wait}，您可以先描述问题。",
  queuedNextFor: "马上就到您了，{wait}，您可以先描述问题。",
  queuedHiddenFor: "预计等待：{wait}，您可以先描述问题。",
  waitUnder: "不到{most}分钟",
  waitBetween: "大约{least}到{most}分钟",
  waitAbout: "大约{most}分钟",
  connected: "{name} 正在为您服务",
  transferred: "正在为您转接同事…",
  joined: "{name} 加入了会话",
  left: "{name} 离开了会话",
  ended: "会话已结束",
  closed: "当前为非服务时间，请在服务时间内联系我们。",
  gone: "上次会话已结束，欢迎随时发起新会话。",
  startNew: "发起新会话",
  typing: "{name} 正在输入",
  someone: "客服",
  bot: "智能助手",
  you: "我",
  sending: "发送中",
  sent: "已发送",
  delivered: "已送达",
  read: "已读",
  failed: "未发送：{reason}",
  retry: "重试",
  newMessages: "有新消息 ↓",
  transcript: "会话内容",
  download: "下载 {name}",
  image: "图片 {name}",
  refusedStart: "无法开始会话：{reason}",
};

const all: Record<Language, Words> = { en, zh };

export function preferredLanguage(asked: string | null | undefined): Language {
  return (asked ?? "").toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function wordsOf(language: Language): Words {
  return all[language];
}

/** How dates and times are written: as the browser's user does, if they read in the widget's language. */
export function localeOf(language: Language): string {
  return navigator.language.toLowerCase().startsWith(language) ? navigator.language : language;
}

/** Fill the named values into a wording. */
export function say(wording: string, values: Record<string, string | number> = {}): string {
  return wording.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
