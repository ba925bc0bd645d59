---@meta
-- Made by `airboat types sample --lua`.

---@class SampleFirefly: Entity
---@field class "firefly"
---@field colour "rose" | "amber" | "mint" | "sky"
---@field x number 0 to 960
---@field y number 0 to 640

---@class SampleGust: Entity
---@field class "gust"
---@field velocity Velocity
---@field x number 0 to 960
---@field y number 0 to 640

---@class SampleLantern: Entity
---@field class "lantern"
---@field heading number radians
---@field lit boolean
---@field mood "none" | "cheer" | "wave" | "away"
---@field x number 0 to 960
---@field y number 0 to 640

---@class SampleInputs What `game.input` gets.
---@field aim number radians
---@field mood "none" | "cheer" | "wave"
---@field mx number -1 to 1
---@field my number -1 to 1
---@field puff integer how often
---@field sneak boolean

---@class SampleDecision What `game.bot` answers with; what is missing is let go.
---@field aim? number radians
---@field mood? "none" | "cheer" | "wave"
---@field mx? number -1 to 1
---@field my? number -1 to 1
---@field puff? boolean | integer how often
---@field sneak? boolean

---@alias SampleMessage "done" | "door" | "ready" | "start" | "vote"
