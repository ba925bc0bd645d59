-- An answer of the store that is never done with.
-- expect: overrun

return {
  answers = { got = function() while true do end end },
  tick = function(room) room.store:get("nothing", "got") end,
}
