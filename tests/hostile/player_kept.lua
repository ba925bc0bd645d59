-- Players kept after they left, in documents, timers and as owners.
-- expect: harmless or error

local kept = {}
return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  timers = { ring = function(_, player) player:send "x" end },
  join = function(room, player) kept[#kept + 1] = player room:spawn("box", { owner = player }) room.state.player = player end,
  leave = function(room, player) room:after(0.1, "ring", player) room.state.left = player end,
  tick = function(room)
    for _, player in ipairs(kept) do
      player:send("late", player) player.state.tick = room.tick player.role = "ghost"
      for box in room:each "box" do box.owner = player end
    end
  end,
}
