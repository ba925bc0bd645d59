//! The one numbered vocabulary of endings and refusals. 1–49: come back; 50–99: do not.

macro_rules! reasons {
    ($($(#[doc = $doc:expr])* $name:ident = $number:literal, $text:literal;)*) => {
        /// Why a link or session ended, or a request was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum CloseReason { $($(#[doc = $doc])* $name = $number,)* }

        impl CloseReason {
            /// Every reason, for documentation, metrics and golden vectors.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The sentence sent along in `bye`.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The reason with this number, if there is one.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    /// The process is stopping; the same address will answer again.
    Restarting = 1, "server restarting";
    /// The room lives elsewhere now.
    Moved = 2, "room moved";
    /// Reliable messages filled their lane because the link did not take them.
    SlowConsumer = 3, "slow consumer";
    /// Nothing arrived for `idle_link`.
    IdleLink = 4, "idle link";
    /// A fault of ours.
    Internal = 5, "internal error";
    /// The room's script failed or was stopped; the room may open again.
    RoomFailed = 6, "room failed";
    /// A queue at the front desk was full.
    Busy = 7, "server busy";
    /// More frames or bytes than the limits allow.
    RateLimited = 8, "rate limited";
    /// No hello arrived in time.
    NoHello = 9, "no hello";
    /// A page that goes away says so; its seat waits.
    Hidden = 10, "page hidden";
    /// The client asked to leave.
    Left = 50, "left";
    Kicked = 51, "kicked";
    Banned = 52, "banned";
    /// Bytes that are no frame of this protocol.
    BadFrame = 53, "bad frame";
    WrongPassword = 54, "wrong password";
    /// No protocol version in common.
    Version = 55, "version not served";
    /// The room was closed by its module or an operator, or with its module, whose script failed again and again.
    RoomClosed = 56, "room closed";
    /// A resume token that is spent, forged or expired, or names a session that has ended.
    BadResume = 57, "resume refused";
    RoomFull = 58, "room full";
    UnknownModule = 59, "unknown module";
    /// The module's `enter` said no, the room is locked, or the module is closed until its next version.
    Refused = 60, "refused";
    BadName = 61, "bad room name";
    /// A newer link of the same session took over.
    Replaced = 62, "replaced by a newer link";
    /// The device id is unknown or its secret is wrong.
    BadDevice = 63, "device not recognised";
    /// `resume_window` ran out.
    Expired = 64, "session expired";
    /// A message name the module does not have, or a request that makes no sense here.
    UnknownMessage = 65, "unknown message";
    /// A frame or message above its size limit.
    TooLarge = 66, "too large";
}

impl CloseReason {
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether a client should reconnect by itself.
    pub const fn come_back(self) -> bool {
        self.number() < 50
    }

    /// WebSocket close codes of our own start at 4000.
    pub const fn websocket_code(self) -> u16 {
        4000 + self.number() as u16
    }
}

impl std::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}
