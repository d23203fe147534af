import { KeyedMutex } from '@cpns/core';
import { Injectable } from '@nestjs/common';

/** By group-id: notices and pushes of a group come over two channels at once, and each decides on its state. */
@Injectable()
export class GroupMutex extends KeyedMutex {}
