-- Messages with every wrong argument.
-- expect: error or overrun

return {
  inputs = { fire = field.press() },
  input = function(room, player)
    for _, name in ipairs { 5, true, {}, print } do pcall(room.broadcast, room, name) end
    for _, data in ipairs { print, { print }, { [{}] = 1 }, 0 / 0, ("x"):rep(1e5) } do pcall(room.broadcast, room, "x", data) end
    pcall(player.send) pcall(player.send, {}, "x") pcall(player.send, room, "x") pcall(player.kick, {})
    local circle = {} circle.circle = circle
    player:send("x", circle)
  end,
}
