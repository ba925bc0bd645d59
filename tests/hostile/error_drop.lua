-- Fails in drop.
-- expect: error

return { drop = function() error "drop" end }
