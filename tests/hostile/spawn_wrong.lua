-- Classes and values of every wrong kind.
-- expect: error or overrun

return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  tick = function(room)
    for _, class in ipairs { 1, true, "bxo", {}, ("x"):rep(1e5) } do pcall(room.spawn, room, class) end
    for _, values in ipairs { 1, true, "x", print } do pcall(room.spawn, room, "box", values) end
    pcall(room.spawn) pcall(room.spawn, nil, nil, nil) pcall(room.each, room, {}) pcall(room.nearest, room, "box", "x")
    room:within("box", 0 / 0, 1 / 0, -1)
  end,
}
