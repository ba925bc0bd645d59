-- Told that it was restored, a module takes all entities away, kicks everybody and closes.
-- expect: overrun; turned away

return {
  entities = { box = { fields = { x = field.number(0, 100) } } },
  open = function(room) for i = 1, 100 do room:spawn("box", { x = i }) end end,
  restored = function(room)
    for box in room:each "box" do box:despawn() box:despawn() end
    for player in room:players() do player:kick "out" end
    room:close()
  end,
  tick = function(room) if room.tick == 45 then while true do end end end,
}
