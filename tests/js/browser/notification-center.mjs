// A page as people have written it for @novu/notification-center: the bell with its popover, actions confirmed.
import {
  NotificationBell,
  NovuProvider,
  PopoverNotificationCenter,
  useUpdateAction,
} from "@novu/notification-center";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const { backendUrl, applicationIdentifier, subscriberId, subscriberHash } = window.settings;
const h = createElement;
window.clicked = [];

function Center() {
  const { updateAction } = useUpdateAction();
  const press = (_, actionButtonType, message) =>
    updateAction({ messageId: message._id, actionButtonType, status: "done" });
  return h(
    PopoverNotificationCenter,
    {
      colorScheme: "light",
      onActionClick: press,
      onNotificationClick: (message) => window.clicked.push(message.content),
      actionsResultBlock: () => h("div", { className: "done" }, "Thank you"),
    },
    ({ unseenCount }) => h(NotificationBell, { unseenCount }),
  );
}

createRoot(document.getElementById("center")).render(
  h(
    NovuProvider,
    { backendUrl, socketUrl: backendUrl, applicationIdentifier, subscriberId, subscriberHash },
    h(Center),
  ),
);
