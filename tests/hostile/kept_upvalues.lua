-- State beside the room's: it outlives the callbacks, and is no part of what is restored.
-- expect: overrun

local ghosts, calls = {}, 0
return {
  entities = { box = { fields = { x = field.number(0, 100) } } },
  restored = function() for _, ghost in ipairs(ghosts) do ghost:despawn() end end,
  tick = function(room)
    calls = calls + 1
    ghosts[#ghosts + 1] = room:spawn("box", { x = 1 })
    if #ghosts > 20 then ghosts[1]:despawn() table.remove(ghosts, 1) end
    if calls == 50 then while true do end end
  end,
}
