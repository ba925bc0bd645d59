-- NaN, infinities and keys that are no keys.
-- expect: error

return {
  open = function(room)
    room.state.nan, room.state.inf, room.state.big = 0 / 0, 1 / 0, 2 ^ 60
    room.state[1.5], room.state[-1], room.state[true], room.state[2 ^ 53] = 1, 2, 3, 4
  end,
}
