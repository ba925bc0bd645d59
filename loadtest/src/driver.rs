//! What plays a bot: tank8's rules in Rust, or any module's own `game.bot`.

use std::{fmt, sync::Arc};

use airboat::{
    game::{
        GameFactory as _,
        lua::{self, Bot, LuaFactory},
    },
    protocol::{
        mirror::Mirror,
        schema::{FieldKind, PRESS_MASK},
    },
    tools::{manners::Manners, sight},
};

use crate::{
    Failure,
    args::Args,
    client::Client,
    tank8::{self, Checks},
};

/// The module whose rules are known here.
const KNOWN: &str = "tank8";

/// What all bots of a run play.
pub enum Played {
    Tank8,
    Module(Module),
}

/// A module with a `game.bot`. Each player has a VM of its own: a room's tables are handed to it once and then changed,
/// and nothing is shared that one player could spoil for another.
pub struct Module {
    factory: LuaFactory,
}

impl fmt::Debug for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tank8 => KNOWN,
            Self::Module(_) => "a module's own bot",
        })
    }
}

impl Played {
    pub fn load(args: &Args) -> Result<Self, Failure> {
        if args.module == KNOWN {
            return Ok(Self::Tank8);
        }
        let folder = args.modules_dir.join(&args.module);
        let (module, sources) =
            lua::modules::read_folder(&folder).map_err(|error| format!("--modules-dir: {error}"))?;
        let factory = LuaFactory::from_sources(&module, sources, &lua::Settings::default())?;
        if !factory.has("bot") {
            return Err(format!("{}/main.lua has no game.bot: nothing can play it", folder.display()).into());
        }
        let (_, most) = factory.info().seats;
        if args.players > most {
            return Err(format!("--players {}: {} has {most} seats", args.players, args.module).into());
        }
        Ok(Self::Module(Module { factory }))
    }
}

/// One bot's player.
pub enum Driver {
    Tank8(Box<tank8::Driver>),
    Module(Box<Player>),
}

pub struct Player {
    played: Arc<Played>,
    bot: Bot,
    manners: Manners,
    /// Running counts of the presses, as they travel.
    presses: Vec<i32>,
}

impl Driver {
    /// Begins with the room as it was joined.
    pub fn new(played: &Arc<Played>, mirror: &Mirror, player: u32, phase: f64) -> Result<Self, Failure> {
        Ok(match &**played {
            Played::Tank8 => Self::Tank8(Box::new(tank8::Driver::new(mirror, player, phase)?)),
            Played::Module(module) => Self::Module(Box::new(Player {
                played: played.clone(),
                bot: Bot::new(&module.factory)?,
                manners: Manners::default(),
                presses: vec![0; mirror.schema.inputs.len()],
            })),
        })
    }

    /// The next input, in wire steps by the schema's order; an error is the script's.
    pub fn input(&mut self, client: &Client) -> Result<Vec<i32>, String> {
        match self {
            Self::Tank8(driver) => Ok(driver.input()),
            Self::Module(player) => player.input(client),
        }
    }

    /// After each new snapshot: is what is shown what must have become of the inputs?
    pub fn check(&mut self, client: &Client) -> Result<(), String> {
        match self {
            Self::Tank8(driver) => driver.check(client).map_err(|wrong| wrong.to_string()),
            Self::Module(_) => Ok(()),
        }
    }

    /// What a phase asks of a player now.
    pub fn message(&mut self, client: &Client) -> Option<&'static str> {
        let Self::Module(player) = self else { return None };
        let Played::Module(module) = &*player.played else { return None };
        let (mirror, me) = (client.mirror()?, client.player()?);
        let time = f64::from(mirror.tick()) / f64::from(mirror.schema.tick_rate);
        let takes = |name: &str| module.factory.info().messages.iter().any(|known| known == name);
        player.manners.next(mirror.documents.get("state"), me, time, takes)
    }

    pub const fn has_rules(&self) -> bool {
        matches!(self, Self::Tank8(_))
    }

    pub fn checks(&self) -> Checks {
        match self {
            Self::Tank8(driver) => driver.checks,
            Self::Module(_) => Checks::default(),
        }
    }

    /// Counts on from before the room came to life anew.
    pub fn keep(&mut self, checks: Checks) {
        if let Self::Tank8(driver) = self {
            driver.checks = checks;
        }
    }
}

impl Player {
    fn input(&mut self, client: &Client) -> Result<Vec<i32>, String> {
        let (Some(mirror), Some(me)) = (client.mirror(), client.player()) else { return Err("not joined".into()) };
        let values = sight::decide(&mut self.bot, mirror, me).map_err(|error| format!("game.bot: {error}"))?;
        let fields = mirror.schema.inputs.iter().zip(values).zip(&mut self.presses);
        let steps = fields.map(|((field, value), presses)| match field.kind {
            FieldKind::Press => {
                *presses = (*presses + value.clamp(0.0, f64::from(PRESS_MASK)) as i32) & PRESS_MASK;
                *presses
            }
            _ => field.kind.quantise(value).0,
        });
        Ok(steps.collect())
    }
}
