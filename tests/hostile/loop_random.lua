-- Rolls dice until a seven comes.
-- expect: overrun

return { tick = function(room) while room:random(6) ~= 7 do end end }
