components {
  id: "chat"
  component: "/example/chat/chat.gui"
}
