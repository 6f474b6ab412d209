"""What the demo's customers and agents say after the question, in the customer's language."""

from __future__ import annotations

from typing import Final

NAMES: Final = {
    "en": (
        "Amelia Hart", "Ben Okafor", "Chloe Martin", "David Rossi", "Ella Novak", "Finn Walsh", "Gita Sharma", "Hugo Weber",
        "Isla Campbell", "Jonas Berg", "Kate Morris", "Liam Doyle", "Maya Cohen", "Noah Fischer", "Olga Petrova", "Priya Nair",
    ),
    "zh": ("陈静", "刘洋", "赵磊", "孙丽", "周涛", "吴敏", "郑凯", "林晓", "黄伟", "何雪", "马超", "罗娟"),
}  # fmt: skip

#: A customer's answers to what the agent writes, one after the other.
FOLLOW_UPS: Final = {
    "en": (
        "It happened this morning, around nine.",
        "Yes, that is my account.",
        "No, I have not changed anything since.",
        "I already tried that, it did not help.",
        "And how long will that take?",
        "Do I need to come to a branch for it?",
        "Could you send me that by mail as well?",
        "Alright, let me look… yes, I can see it now.",
    ),
    "zh": (
        "是今天早上九点左右的事。",
        "对，是我的账户。",
        "没有，之后我什么都没改过。",
        "这个办法我试过了，没有用。",
        "大概需要多长时间？",
        "需要去柜台办理吗？",
        "可以也发邮件给我吗？",
        "好的，我看一下……看到了。",
    ),
}

THANKS: Final = {
    "en": ("Great, thank you!", "That helps, thanks a lot.", "Perfect, have a nice day."),
    "zh": ("好的，谢谢！", "明白了，非常感谢。", "太好了，麻烦你了。"),
}

GREETINGS: Final = {
    "en": "Hello, this is {agent} of Harbour Bank. Let me look into that for you.",
    "zh": "您好，我是海港银行的{agent}，马上为您查询。",
}

#: What an agent asks or says while working on it, one after the other.
REPLIES: Final = {
    "en": (
        "Could you tell me when this happened?",
        "I can see it on my side. Was anything changed since then?",
        "I have started it for you, it shows up within two working days.",
        "You can follow it in the app under Activity.",
    ),
    "zh": (
        "请问是什么时候发生的？",
        "我这边可以看到记录，之后有改动过什么吗？",
        "我已经为您提交，两个工作日内会有结果。",
        "您可以在手机银行的明细里查看进度。",
    ),
}

TAKEN_OVER: Final = {
    "en": "Hello, {agent} here. I have read what you wrote and take over from my colleague.",
    "zh": "您好，我是{agent}，前面的内容我已经看过，由我继续为您服务。",
}

PASSING_ON: Final = {
    "en": "My colleagues know more about this, I am connecting you.",
    "zh": "这个问题我请专门的同事为您处理，正在转接。",
}

GOODBYE: Final = {
    "en": "Then that is solved. Thank you for chatting with us, goodbye!",
    "zh": "问题已处理，感谢您的咨询，再见！",
}
